DROP INDEX contacts_phone;
