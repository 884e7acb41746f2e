"""Pictures of what ran, loaded on use: `Steps.show`, `Steps.to_html` and printing end up here."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "reduction": ["show_reduction", "show_reductions", "show_scores"],
        "steps_figure": ["draw_steps"],
        "steps_page": ["render_fragment", "render_page"],
        "steps_table": ["format_table"],
    },
)
