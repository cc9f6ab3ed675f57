"""Where a job runs: `base` says what a place can do, `local` is this machine, each other place is a folder."""
