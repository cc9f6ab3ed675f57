"""What a training would need: memory, time and money, from the size of the base and the parameters. All estimates."""
