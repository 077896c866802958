"""Clean pictures, crops, and the degradation that training learns to undo."""
