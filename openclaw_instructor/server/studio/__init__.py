"""The studio: one page in the browser that shows documents, tasks and mail. It asks the same routes as everybody."""
