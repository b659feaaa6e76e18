"""Acting and looking together: what the page, and tests, do with a playground, whoever runs it."""

from playground.actions import Actions
from playground.faults import Faults
from playground.observations import Observations
from playground.workspace.uploads import Uploads


class Control(Actions, Observations):
    """All that a page needs of a playground; `Playground` is one that also listens."""

    faults: Faults
    uploads: Uploads
