"""tdm_ray."""
