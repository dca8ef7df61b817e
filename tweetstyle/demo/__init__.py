"""What `make demo` needs beside the package proper: a small real base model, and a look at what was learned."""
