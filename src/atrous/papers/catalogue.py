"""All tables of both papers in their order."""

from atrous.errors import InputError, did_you_mean
from atrous.papers.server import ServerTable
from atrous.papers.table import OmittedTable, PaperTable
from atrous.papers.v3 import (
    table1,
    table2,
    table3,
    table4,
    table5,
    table6,
    table7,
    table8,
    table9,
    table10,
    table11,
    table12,
)
from atrous.papers.v3plus import table1 as plus1
from atrous.papers.v3plus import table2 as plus2
from atrous.papers.v3plus import table3 as plus3
from atrous.papers.v3plus import table4 as plus4
from atrous.papers.v3plus import table5 as plus5
from atrous.papers.v3plus import table6 as plus6
from atrous.papers.v3plus import table7a as plus7a
from atrous.papers.v3plus import trimap as plus_trimap

_V3 = (table1, table2, table3, table4, table5, table6, table7, table8, table9, table10, table11, table12)
_V3PLUS = (plus1, plus2, plus3, plus4, plus5, plus6, plus7a, plus_trimap)

TABLES: tuple[PaperTable | ServerTable | OmittedTable, ...] = tuple(module.TABLE for module in (*_V3, *_V3PLUS))


def find_table(name: str) -> PaperTable | ServerTable | OmittedTable:
    """Return the table of a name.

    Raises:
        InputError: If there is none; the message has the most similar name, or lists all.
    """
    named = {table.name: table for table in TABLES}
    if name not in named:
        raise InputError(f"unknown table {name!r:.80}; {did_you_mean(name, named)}")
    return named[name]
