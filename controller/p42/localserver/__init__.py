"""The local model's server: a program of its own that p42 starts, and nothing of p42 in it.

    python -I -c "... from p42.localserver.program import main; main()"

It is told what to do by one line of JSON on standard input, so that its key is in no argument list
and no environment; says one line of JSON on standard output when it listens or cannot; and ends
when standard input does, whoever held the other end.
"""
