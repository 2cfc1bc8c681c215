"""`python -m tdm_ray`: the command `tdm-ray`."""

from tdm_ray.cli import main

main()
