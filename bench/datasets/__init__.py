"""Image sets, a file a family. Nothing here imports torch until data are loaded."""
