from .catalogue import (
    PREFIX as PREFIX,
    DataFile as DataFile,
    DataSet as DataSet,
    describe as describe,
    names as names,
)
from .fetch import (
    LOCAL as LOCAL,
    fetch as fetch,
    is_local as is_local,
    load as load,
    path_of as path_of,
)
