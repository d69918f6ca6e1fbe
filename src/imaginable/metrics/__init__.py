"""What is measured of trained models: functions of arrays, each with its error and its n."""
