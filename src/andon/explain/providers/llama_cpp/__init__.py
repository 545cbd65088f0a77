"""A GGUF file answered by llama.cpp in a child process."""
