"""A stand-in for the Hugging Face Hub: enough of its HTTP for the real clients, on loopback, imports nothing of ours."""
