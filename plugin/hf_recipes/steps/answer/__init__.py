"""Base and fine-tuned answer the test rows, prompted in every way that the recipe asks for; nothing is judged here."""
