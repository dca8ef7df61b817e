"""Read by Python at its start where this directory is on PYTHONPATH: puts the emulated card into this process and its children."""

import os

if os.environ.get("EMULATED_CARD") == "1" and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
    import emulated_card

    emulated_card.install()
