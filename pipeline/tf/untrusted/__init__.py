"""What a graph of strangers may not do, checked before it runs."""
