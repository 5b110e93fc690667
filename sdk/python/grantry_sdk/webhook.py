"""The logic of a homegrown app."""

from wit_world.exports import webhook_logic
from wit_world.exports.webhook_logic import *  # noqa: F403 (the contract's own names)

from ._guard import Guarded


class WebhookLogic(Guarded):
    """Answers events. The manual is `wit/logic.wit`."""

    def on_event(self, event: webhook_logic.Event) -> webhook_logic.Reply:
        """What the app does with an event."""
        raise NotImplementedError("the logic of a webhook is `on_event`")
