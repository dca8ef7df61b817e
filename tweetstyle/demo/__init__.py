"""What `make demo` needs beside the package."""
