"""The commands of ``soundgate``, one module each; `streaming.cli` names them."""
