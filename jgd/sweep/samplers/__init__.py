"""What proposes the points of a space."""
