"""The compare page as a Space: its files, hardware and token, deployed and waited for."""
