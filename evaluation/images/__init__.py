"""Images to train on: read from files once, checked, and kept as bytes that workers map into memory."""
