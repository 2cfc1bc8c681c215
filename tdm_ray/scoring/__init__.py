"""The corpus on Ray Data: papers stream through CPU stages into the actors that hold the model."""
