"""What is wrong at this moment, and who has it: what the screen Now and its question of the API are made of."""
