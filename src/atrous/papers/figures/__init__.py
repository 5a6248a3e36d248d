"""Figures that explain the papers, computed by the package itself."""
