-- What was given up, for admins who look through it. It holds few rows: nothing is added to what every message costs.

CREATE INDEX delivery_given_up ON delivery (id) WHERE state = 'dead';
