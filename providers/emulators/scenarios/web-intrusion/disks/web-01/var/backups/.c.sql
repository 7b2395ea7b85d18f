-- customers
INSERT INTO customers VALUES (1,'customer one','one@example.com'),(2,'customer two','two@example.com');
