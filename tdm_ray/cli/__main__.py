"""`python -m tdm_ray.cli`."""

from tdm_ray.cli import main

main()
