"""Read, cut and embed files in other processes and on other machines; only the store is written here."""
