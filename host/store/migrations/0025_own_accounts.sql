-- What people say of their own accounts (INT-7): `origin` is also `own`, `proposal` also `claimed`.

-- Nobody's accounts that somebody may claim, for the list of those.
CREATE INDEX mappings_claimable ON mappings (account_id) WHERE identity_id IS NULL AND origin <> 'hand' AND reason <> 'no_match';
