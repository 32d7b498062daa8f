"""Archives and folders of files, unpacked without trust in what they hold."""
