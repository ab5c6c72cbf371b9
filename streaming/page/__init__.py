"""``soundgate browse``: a local, read-only page over a lake, made with Streamlit."""
