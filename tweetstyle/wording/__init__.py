"""The words of the commands, the report, the verdict and the model card."""
