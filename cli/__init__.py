"""The command line: one file per group of commands. Start-up imports neither torch nor langgraph nor langchain."""
