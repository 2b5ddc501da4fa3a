"""The daemon as other processes know it: its address, its life and a client."""
