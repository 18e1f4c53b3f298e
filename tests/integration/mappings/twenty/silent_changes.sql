-- What no stamp of the row tells: destroyed records, and a task that is linked to another deal.
set local search_path to workspace_1wgvd1injqtife6y4rvfbu3h5, public;
delete from opportunity where id = id_of('d7');
delete from task where id = id_of('t7');
delete from "taskTarget" where "taskId" = id_of('t4');
update opportunity set name = 'by hand' where id = id_of('d8');
