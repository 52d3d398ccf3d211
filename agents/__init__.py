"""The four roles, what they see, what they may reply, and the one path that every model call takes."""
