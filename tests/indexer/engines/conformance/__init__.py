"""What every engine must do, by comparison with a slow second implementation and by name."""
