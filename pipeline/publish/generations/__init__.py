"""The records of publishes in a target: generations, unfinished uploads, the catalog."""
