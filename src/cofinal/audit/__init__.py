"""What looks wrong: labels that are likely slips, explanations that are not true."""
