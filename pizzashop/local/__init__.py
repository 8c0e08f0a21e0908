"""What runs beside the roles on one machine, and how it is built, started and checked."""
