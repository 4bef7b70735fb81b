"""Types of arrays with their shapes, as in `Float[Array, "m n"]`, for signatures in which shapes carry the meaning.

They are jaxtyping's where a program has imported that before jgd, as the tests do to check every call; elsewhere they
are `Annotated`, which is what jaxtyping tells type checkers that they are, so that jgd needs no such package.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or "jaxtyping" not in sys.modules:
    from typing import Annotated as Float
    from typing import Annotated as Inexact  # real or complex
    from typing import Annotated as Int
else:
    from jaxtyping import Float as Float
    from jaxtyping import Inexact as Inexact
    from jaxtyping import Int as Int
