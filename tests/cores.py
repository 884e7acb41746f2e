"""A machine with several cores, whatever this one has, on which even small work is shared out."""


def share_among(patch, n):
    """Let the twins share their rows among `n` threads; `patch` is pytest's monkeypatch."""
    from tokenlab.kernels import threads

    patch.setattr(threads, "SMALLEST", 1.0)
    patch.setattr(threads, "_threads", lambda: n)
