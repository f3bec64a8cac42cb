"""What maturin makes of the C header: cffi's two objects."""

from typing import Any

ffi: Any
lib: Any
