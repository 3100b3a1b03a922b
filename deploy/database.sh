#!/bin/sh
# Makes the role and the database of Vedette on a PostgreSQL server, as its superuser `postgres`.
# The service's role is no superuser. With TimescaleDB on the server, the extension is put into
# the database. Safe to run again.
set -eu
: "${DATABASE_PASSWORD:?the password that VEDETTE_DATABASE_URL uses}"

export DATABASE_PASSWORD
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv password DATABASE_PASSWORD
SELECT 'CREATE ROLE vedette LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vedette') \gexec
ALTER ROLE vedette PASSWORD :'password';
SELECT 'CREATE DATABASE vedette OWNER vedette TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C'''
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'vedette') \gexec
REVOKE ALL ON DATABASE vedette FROM PUBLIC;
\connect vedette
SELECT 'CREATE EXTENSION IF NOT EXISTS timescaledb'
 WHERE EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') \gexec
SQL
