"""What AutoTrain 0.8.36 does wrong by itself, each set right by one file: `start` runs its trainer with them."""
