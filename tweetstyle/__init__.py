"""tweetstyle: learn one person's writing style from their tweets, and prove that what was trained is what Ollama says."""

__version__ = "0.1.0"
