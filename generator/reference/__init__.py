"""Reference pages and exports of specs."""
