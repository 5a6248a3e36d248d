"""Networks and weights of other projects, read without their code, and written in their layouts."""
