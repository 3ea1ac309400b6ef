"""Values in, messages out: what the bot says, and how text from people is shown harmlessly."""
