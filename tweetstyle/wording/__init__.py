"""The words of the report, the verdict and the model card."""
