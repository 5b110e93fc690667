"""Write Grantry plugins in Python.

A plugin is a module with a class for each interface of its world: `Lifecycle` always, then `Aggregate`,
`Provision`, … Each derives from the class of its name in the module of its name here, which also has the
interface's types. The comments of `wit/`, which the bindings repeat, are the reference manual.
"""

from . import _environment as _environment
